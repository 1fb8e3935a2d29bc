/** What the workflows do in the world, which here is only talk. */
import { ApplicationFailure, Context } from '@temporalio/activity';

/** A berth in the port's harbour. */
export async function reserveBerth(port: string): Promise<string> {
  return `berth in ${port}`;
}

/** Succeeds at that attempt; refuses for good when there is none. */
export async function callPilot(attempt: number | null): Promise<number> {
  const now = Context.current().info.attempt;
  if (attempt === null) throw ApplicationFailure.nonRetryable('no pilot here', 'NoPilot', { tried: now });
  if (now < attempt) throw ApplicationFailure.create({ message: `pilot busy at ${now}`, type: 'Busy' });
  return now;
}

/** Watches until it is told to stop. */
export async function keepWatch(): Promise<void> {
  const context = Context.current();
  for (;;) {
    context.heartbeat('all quiet');
    await context.sleep(50);
  }
}
