/** The server under test as a child process, in memory, on a free loopback port. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { Connection } from '@temporalio/client';

const BINARY = process.env.PERDURE_BIN ?? resolve(__dirname, '../../../target/release/perdure');
const START_MS = 30_000;

/**
 * A loopback port nobody listens on, below the range from which the system picks ports for outgoing connections, so
 * that no client that dials the server too early is handed the server's own port.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const probe = createServer();
    const free = await new Promise<boolean>((settle) => {
      probe.once('error', () => settle(false));
      probe.listen(port, '127.0.0.1', () => settle(true));
    });
    if (!free) continue;
    probe.close();
    await once(probe, 'close');
    return port;
  }
}

export class Server {
  private constructor(
    readonly address: string,
    private readonly child: ChildProcess,
  ) {}

  /** Returns when the server answers; fails with its output when it exits or stays silent for START_MS. */
  static async start(): Promise<Server> {
    const port = await freePort();
    const args = ['server', 'start-dev', '--headless', '--ip', '127.0.0.1', '--port', String(port)];
    const child = spawn(BINARY, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    let ended: string | undefined;
    child.on('error', (error) => (ended = error.message));
    child.on('exit', (code, signal) => (ended = `exited with ${code ?? signal}`));
    // Whatever ends this process, short of a SIGKILL, ends the server too.
    process.on('exit', () => child.kill('SIGKILL'));

    const server = new Server(`127.0.0.1:${port}`, child);
    const deadline = Date.now() + START_MS;
    while (!(await server.answers())) {
      if (ended) throw new Error(`server '${BINARY}' ${ended}:\n${output}`);
      if (Date.now() > deadline) {
        child.kill('SIGKILL');
        throw new Error(`server '${BINARY}' did not answer within ${START_MS} ms:\n${output}`);
      }
      await pause(20);
    }
    return server;
  }

  private async answers(): Promise<boolean> {
    try {
      const connection = await Connection.connect({ address: this.address, connectTimeout: '1s' });
      await connection.close();
      return true;
    } catch {
      return false;
    }
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exit = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    const giveUp = setTimeout(() => this.child.kill('SIGKILL'), 20_000);
    await exit;
    clearTimeout(giveUp);
  }
}
