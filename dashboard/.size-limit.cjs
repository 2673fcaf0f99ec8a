// Bytes of the first load: what the browser fetches for the overview, compressed.
const { readFileSync } = require('node:fs');

const manifest = JSON.parse(readFileSync('dist/manifest.json', 'utf8'));

function filesOf(name, seen = new Set()) {
  if (seen.has(name)) return [];
  seen.add(name);
  const { file, css = [], imports = [] } = manifest[name];
  return [file, ...css, ...imports.flatMap((each) => filesOf(each, seen))];
}

const parts = manifest['index.html'].dynamicImports;
const first = ['index.html', ...parts, 'src/pages/overview/overview.tsx'].flatMap((name) =>
  filesOf(name),
);

module.exports = [
  {
    name: 'first load of the overview',
    path: ['dist/index.html', ...new Set(first.map((file) => `dist/${file}`))],
    gzip: true,
    limit: '200 kB',
  },
];
