import { sendSample } from "../client/send.ts";

/** `headrace send`: sends a delivery and prints the response. Exits 0 if the receiver accepted it. */
export async function runSend(
  preset: string,
  options: { url: string; secret: string; type?: string; data?: string; json?: boolean },
): Promise<void> {
  const sent = await sendSample({ preset, ...options });
  if (options.json) console.log(JSON.stringify(sent));
  else console.log(`${sent.status} ${sent.body}`);
  if (sent.status >= 300) process.exitCode = 1;
}
