import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

const COMPRESSIBLE = /\.(js|css|svg|json|map)$/;

const STATIC = 'static';

/** Long lists and the search in them, which the overview has none of. */
const LISTS =
  /ui\/node-picker|node_modules\/(downshift|compute-scroll-into-view|prop-types|@tanstack\/(react-)?virtual)/;

/**
 * Write a `.br` and a `.gz` file beside each text file, so that the server compresses nothing. The
 * document has none: the server writes the base of its links into it.
 */
function precompress(): Plugin {
  let folder = '';
  return {
    name: 'precompress',
    apply: 'build',
    configResolved(config) {
      folder = path.resolve(config.root, config.build.outDir, STATIC);
    },
    async closeBundle() {
      const names = await readdir(folder);
      const compress = async (name: string) => {
        const file = path.join(folder, name);
        const content = await readFile(file);
        const brotli = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } };
        await writeFile(`${file}.br`, await promisify(brotliCompress)(content, brotli));
        await writeFile(`${file}.gz`, await promisify(gzip)(content, { level: 9 }));
      };
      // all at once: Node compresses on threads, as many as the machine can use
      await Promise.all(names.filter((each) => COMPRESSIBLE.test(each)).map(compress));
    },
  };
}

/** The server that serves the built page writes `<base>` for each address; vite serves one. */
function rootInDevelopment(): Plugin {
  return {
    name: 'root-in-development',
    apply: 'serve',
    transformIndexHtml: (html) => html.replace('<base href="./">', '<base href="/">'),
  };
}

const server = process.env.MLRF_URL ?? 'http://127.0.0.1:3000';

export default defineConfig({
  base: './', // below any path prefix
  plugins: [react(), precompress(), rootInDevelopment()],
  resolve: { alias: { '@': path.resolve(import.meta.dirname, 'src') } },
  build: {
    assetsDir: STATIC,
    manifest: 'manifest.json', // for the limit of the first load, and what the server has preloaded
    assetsInlineLimit: 0, // the policy allows no data: script or style
    modulePreload: { polyfill: false },
    target: 'es2022',
    // jspdf would load these for HTML and pictures of SVG, which nothing here asks it for
    rolldownOptions: {
      external: ['html2canvas', 'dompurify', 'canvg'],
      output: {
        codeSplitting: {
          includeDependenciesRecursively: false, // or the lists would take React with them
          groups: [
            { name: 'lists', test: LISTS, priority: 1 },
            // what most pages share comes with the document, not after its scripts, in one file
            { name: 'common', minShareCount: 4 },
          ],
        },
      },
    },
  },
  server: {
    port: 5173,
    // Calls go to a running server; what the browser navigates to is the page.
    proxy: {
      '^/': {
        target: server,
        bypass: (request) =>
          request.headers.accept?.includes('text/html')
            ? '/index.html'
            : /^\/(src|node_modules|@|index\.html)/.test(request.url ?? '')
              ? request.url
              : undefined,
      },
    },
  },
});
