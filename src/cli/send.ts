import { sendSample } from "../client/send.ts";

/** `headrace send`: exits 0 when the receiver took the delivery. */
export async function runSend(
  preset: string,
  options: { url: string; secret: string; type?: string; data?: string; json?: boolean },
): Promise<void> {
  const sent = await sendSample({ preset, ...options });
  if (options.json) console.log(JSON.stringify(sent));
  else console.log(`${sent.status} ${sent.body}`);
  if (sent.status >= 300) process.exitCode = 1;
}
