import { configDefaults, defineConfig, mergeConfig } from 'vitest/config';
import build from './vite.config';

const INTEGRATION_TESTS = 'src/**/*.integration.test.ts';
/** Tests that replace modules, which must not be loaded before. */
const MOCKING_TESTS = ['src/pages/sign-in/*.test.tsx', 'src/session/renewal.test.tsx'];

/** What tests of the page need: a document, and the API as each test plays it. */
const PAGE = { environment: 'jsdom' as const, setupFiles: ['src/test/setup.ts'] };

/** Apart from the build, which has no test tools. */
export default mergeConfig(
  build,
  defineConfig({
    test: {
      css: { modules: { classNameStrategy: 'non-scoped' } },
      restoreMocks: true,
      testTimeout: 60_000,
      projects: [
        {
          extends: true,
          test: {
            ...PAGE,
            name: 'page',
            exclude: [...configDefaults.exclude, INTEGRATION_TESTS, ...MOCKING_TESTS],
            isolate: false, // a document and the modules once, not for each file: half of the time
          },
        },
        { extends: true, test: { ...PAGE, name: 'mocking', include: MOCKING_TESTS } },
        // against real servers on this machine
        { extends: true, test: { name: 'integration', include: [INTEGRATION_TESTS] } },
      ],
    },
  }),
);
