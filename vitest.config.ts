import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The files of the suite. The configurations of long tests replace them. */
export const shared = {
  // Files share keys and compiled code. The images that tests boot are there; a process that a test left behind fails the run.
  globalSetup: ["test/setup/shared.ts", "test/setup/images.ts", "test/setup/processes.ts"],
  setupFiles: ["test/setup/file.ts"],
  // Real evaluators and real child processes: slow is not wrong, stuck is.
  testTimeout: 60_000,
  hookTimeout: 120_000,
  // Each file in a process of its own: evaluators patch globals, and one file's crash is not another's.
  pool: "forks" as const,
  // Two at once also on two cores: much of a test's time is waiting for a child process.
  maxWorkers: 2,
  // A skipped test is a promise nobody keeps; a retried one hides a race.
  retry: 0,
  // What a passing test prints is nobody's concern.
  silent: "passed-only" as const,
  allowOnly: false,
};

/**
 * Files that only compute: they change neither the working directory nor the environment nor a global (`test/setup/file.ts` holds them to it). They
 * share a process, which loads each module once: loading takes longer than these tests.
 */
const TOGETHER = [
  "test/ao/{replies,mainnet/published,mainnet/schedule}.test.ts",
  "test/bundler/{bundle,docs,library,lint,outside}.test.ts",
  "test/cli/{parts,program,published,rollout,serving,standing}.test.ts",
  "test/components/{latency-warnings,moved-stack,network-problems,strategy}.test.ts",
  "test/config/{layers,seal,send,setting-layer,write-file}.test.ts",
  "test/core/{amount,concurrently,cron,errors,json,settle-all}.test.ts",
  "test/dashboard/release-cache.test.ts",
  "test/delivery/{approval,faults,hold,judge,ranges,rollout,statistics}.test.ts",
  "test/docs/{commands,readme,resources,schemas,threat-model,troubleshooting}.test.ts",
  "test/faults/report.test.ts",
  "test/fleet/{damaged-files,deployments,health-probe,info,last-snapshot,reads,secrets,state-parts-time}.test.ts",
  "test/localnet/pure.test.ts",
  "test/monitor/{alert-book,crons,dashboard,driven-cron,figures,interval,ledger-copy,ledger-restart,rules,settings,store,ticked}.test.ts",
  "test/move/carried.test.ts",
  "test/operators/rights.test.ts",
  "test/processes/generated.test.ts",
  "test/providers/{drift-codes,replies,taken-members}.test.ts",
  "test/query/records.test.ts",
  "test/rollback/{cleaning,emergency,pure,restore-again,saved-states}.test.ts",
  "test/toolchain/{browser,go,lock,stack-init}.test.ts",
  "test/traffic/{aborted,confirm-move,old-waits,probing,rollout-progress,salt,same-table,superseded,unsent}.test.ts",
];

/**
 * Files whose processes run in the evaluator's child (`test/processes/aos.ts`), and that change nothing here either. The child forgets the processes
 * of each file; what it compiled stays.
 */
const EVALUATED = [
  "test/config/{agreement,effects}.test.ts",
  "test/game/{battle,coordinator,pokemon,rules,saga,shop}.test.ts",
  "test/monitor/verdict-agreement.test.ts",
  "test/processes/{admin,calls,config,devices,globals,hostile,integrity,json,ledger,lib,load-in-place,loops}.test.ts",
  "test/processes/{own-globals,own-info,partition,probe,program-handlers,published,published-keys}.test.ts",
  "test/processes/{published-parts,security,seen,state,ticks}.test.ts",
  "test/rollback/import-at-load.test.ts",
  "test/router/{forwarded-tags,plain-programs,router}.test.ts",
  "test/traffic/list-globals.test.ts",
];
const SHARING = [...TOGETHER, ...EVALUATED];

/** Starts first what takes longest: the real commands and networks. Otherwise a short file with a long story would run alone at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) =>
      /\/test\/(e2e|faults|move|rollback|traffic)\//.test(moduleId);
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    ...shared,
    sequence: { sequencer: LongestFirst },
    projects: [
      { extends: true, test: { name: "apart", include: ["test/**/*.test.ts"], exclude: SHARING } },
      {
        extends: true,
        test: { name: "together", include: SHARING, isolate: false, env: { FLEET_TESTS_TOGETHER: "1" } },
      },
    ],
  },
});
