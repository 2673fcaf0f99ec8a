import { configDefaults, defineConfig, mergeConfig } from 'vitest/config';
import build from './vite.config';

const INTEGRATION_TESTS = 'src/**/*.integration.test.ts';

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
            name: 'page',
            environment: 'jsdom',
            setupFiles: ['src/test/setup.ts'],
            exclude: [...configDefaults.exclude, INTEGRATION_TESTS],
          },
        },
        // against real servers on this machine
        { extends: true, test: { name: 'integration', include: [INTEGRATION_TESTS] } },
      ],
    },
  }),
);
