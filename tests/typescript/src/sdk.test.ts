/** The TypeScript SDK's worker and client against the server binary. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { ActivityFailure, ApplicationFailure, Client, Connection, WorkflowFailedError } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker, bundleWorkflowCode } from '@temporalio/worker';
import type { temporal } from '@temporalio/proto';

import * as activities from './activities';
import { Server } from './server';
import { depart, pilotage, voyage, watch, where } from './workflows';

const PATIENCE = { timeout: 60_000 };

let server: Server;
let client: Client;
let native: NativeConnection;
let workflowBundle: { code: string };

before(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  server = await Server.start();
  client = new Client({ connection: await Connection.connect({ address: server.address }) });
  native = await NativeConnection.connect({ address: server.address });
  workflowBundle = await bundleWorkflowCode({
    workflowsPath: require.resolve('./workflows'),
    logger: new DefaultLogger('ERROR'),
  });
}, PATIENCE);

after(async () => {
  await client?.connection.close();
  await native?.close();
  await server?.stop();
}, PATIENCE);

/** Serves the queue for as long as the work takes. */
async function working<T>(taskQueue: string, work: () => Promise<T>): Promise<T> {
  const worker = await Worker.create({
    connection: native,
    taskQueue,
    workflowBundle,
    activities,
    maxHeartbeatThrottleInterval: '100ms',
  });
  return await worker.runUntil(work());
}

/** Asks until the answer is the wanted one. The test's own limit ends it otherwise. */
async function until<T>(ask: () => Promise<T>, wanted: T): Promise<void> {
  while ((await ask()) !== wanted) await pause(20);
}

/** `ActivityTaskScheduled` for EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, by the one attribute that the event carries. */
function names(history: temporal.api.history.v1.IHistory): string[] {
  return (history.events ?? []).map((event) => {
    const key = Object.keys(event).find((key) => key.endsWith('EventAttributes') && event[key as keyof typeof event]);
    return key?.replace('EventAttributes', '') ?? 'unknown';
  });
}

function counts(names: string[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const name of names) found[name] = (found[name] ?? 0) + 1;
  return found;
}

describe('TypeScript SDK', PATIENCE, () => {
  test('activity, timer, child, signal, query and continue-as-new', async () => {
    const taskQueue = randomUUID();
    const workflowId = `voyage-${randomUUID()}`;
    const ports = ['oslo', 'riga', 'turku'];
    // Nobody works on the queue yet: the start alone must be enough.
    const started = await client.workflow.start(voyage, { args: [ports], taskQueue, workflowId });
    assert.equal((await started.describe()).status.name, 'RUNNING');

    const latest = client.workflow.getHandle<typeof voyage>(workflowId);
    const log = await working(taskQueue, async () => {
      for (const port of ports) {
        await until(() => latest.query(where), `moored at ${port}`);
        await latest.signal(depart, `captain of ${port}`);
      }
      return await started.result();
    });
    assert.deepEqual(
      log,
      ports.map(
        (port) => `berth in ${port}, leave in ${port} under ${workflowId}, sailed by captain of ${port}`,
      ),
    );

    const first = client.workflow.getHandle(workflowId, started.firstExecutionRunId);
    assert.equal((await first.describe()).status.name, 'CONTINUED_AS_NEW');
    assert.equal((await latest.describe()).status.name, 'COMPLETED');
    const found = counts(names(await latest.fetchHistory()));
    for (const once of [
      'activityTaskCompleted',
      'timerFired',
      'childWorkflowExecutionCompleted',
      'workflowExecutionSignaled',
      'workflowExecutionCompleted',
    ]) {
      assert.equal(found[once], 1, once);
    }
  });

  test('a worker replays what another one began', async () => {
    const taskQueue = randomUUID();
    const handle = await client.workflow.start(voyage, { args: [['kiel']], taskQueue, workflowId: randomUUID() });
    await working(taskQueue, () => until(() => handle.query(where), 'moored at kiel'));
    await working(taskQueue, async () => {
      assert.equal(await handle.query(where), 'moored at kiel');
      await handle.signal(depart, 'relief');
      assert.equal((await handle.result()).length, 1);
      assert.equal(await handle.query(where), 'moored at kiel');
    });
  });

  test('activity retries, and failures that forbid them', async () => {
    const taskQueue = randomUUID();
    await working(taskQueue, async () => {
      const retried = client.workflow.execute(pilotage, { args: [3], taskQueue, workflowId: randomUUID() });
      assert.equal(await retried, 3);
      const refused = client.workflow.execute(pilotage, { args: [null], taskQueue, workflowId: randomUUID() });
      await assert.rejects(refused, (error: unknown) => {
        assert.ok(error instanceof WorkflowFailedError && error.cause instanceof ActivityFailure);
        assert.equal(error.cause.retryState, 'NON_RETRYABLE_FAILURE');
        const cause = error.cause.cause;
        assert.ok(cause instanceof ApplicationFailure);
        assert.deepEqual([cause.message, cause.type, cause.details], ['no pilot here', 'NoPilot', [{ tried: 1 }]]);
        return true;
      });
    });
  });

  test('cancellation reaches an activity by its heartbeat', async () => {
    const taskQueue = randomUUID();
    const handle = await client.workflow.start(watch, { taskQueue, workflowId: randomUUID() });
    await working(taskQueue, async () => {
      await until(async () => (await handle.describe()).raw.pendingActivities?.length ?? 0, 1);
      await handle.cancel();
      assert.equal(await handle.result(), 'relieved');
    });
    assert.equal(counts(names(await handle.fetchHistory()))['activityTaskCanceled'], 1);
  });

  test('lists and counts', async () => {
    const taskQueue = randomUUID();
    const prefix = `listed-${randomUUID()}`;
    for (let n = 0; n < 3; n++) {
      await client.workflow.start(watch, { taskQueue, workflowId: `${prefix}/${n}` });
    }
    const query = `WorkflowId STARTS_WITH '${prefix}' AND ExecutionStatus = 'Running'`;
    await until(async () => (await client.workflow.count(query)).count, 3);
    const ids = [];
    for await (const found of client.workflow.list({ query })) ids.push(found.workflowId);
    assert.deepEqual(ids.sort(), [0, 1, 2].map((n) => `${prefix}/${n}`));
    for (const id of ids) await client.workflow.getHandle(id).terminate('seen');
  });
});
