/** A voyage from port to port, one run per port, and the shorter errands around it. */
import {
  ActivityFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  executeChild,
  isCancellation,
  proxyActivities,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';

import type * as activities from './activities';

const { reserveBerth, callPilot } = proxyActivities<typeof activities>({
  startToCloseTimeout: '20s',
  retry: { initialInterval: '10ms' },
});
const { keepWatch } = proxyActivities<typeof activities>({
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '1s',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
});

export const depart = defineSignal<[string]>('depart');
export const where = defineQuery<string>('where');

/** Calls at each port: berth (activity), rest (timer), shore leave (child), and sails on when told to (signal). */
export async function voyage(ports: string[], log: string[] = []): Promise<string[]> {
  const [port, ...further] = ports;
  if (port === undefined) return log;
  let state = `making for ${port}`;
  let order: string | undefined;
  setHandler(where, () => state);
  setHandler(depart, (by) => void (order = by));

  const berth = await reserveBerth(port);
  await sleep(20);
  const leave = await executeChild(shoreLeave, {
    args: [port],
    workflowId: `${workflowInfo().workflowId}/${port}`,
  });
  state = `moored at ${port}`;
  await condition(() => order !== undefined);
  const entries = [...log, `${berth}, ${leave}, sailed by ${order}`];
  return further.length ? await continueAsNew<typeof voyage>(further, entries) : entries;
}

export async function shoreLeave(port: string): Promise<string> {
  await sleep(10);
  return `leave in ${port} under ${workflowInfo().parent?.workflowId}`;
}

/** Passes on what became of the pilot. */
export async function pilotage(attempt: number | null): Promise<number> {
  return await callPilot(attempt);
}

/** Keeps watch until cancelled, and says how the watch took it. */
export async function watch(): Promise<string> {
  try {
    await keepWatch();
  } catch (error) {
    if (!(error instanceof ActivityFailure) || !isCancellation(error)) throw error;
    return await CancellationScope.nonCancellable(async () => {
      await sleep(10);
      return 'relieved';
    });
  }
  return 'fell asleep';
}
