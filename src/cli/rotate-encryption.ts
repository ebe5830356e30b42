import { type Reencrypted, rotateEncryption } from "../wiring/encryption/rotate-encryption.ts";
import { barOf, createProgress } from "./progress-bar.ts";

/**
 * `headrace keys rotate-encryption`: re-encrypts every secret under the first of HEADRACE_ENCRYPTION_KEYS and prints which
 * keys can be removed. Exits 1 if a secret is still under another key.
 */
export async function runRotateEncryption(options: { json?: boolean }): Promise<void> {
  const progress = createProgress(process.stderr);
  let shownAt = 0;
  const rotated = await rotateEncryption(process.env, (done, of) => {
    if (!process.stderr.isTTY && done < of && Date.now() - shownAt < 1_000) return;
    shownAt = Date.now();
    progress.show(`${barOf(done, of)} secrets`);
  });
  progress.end();
  if (options.json) console.log(JSON.stringify(jsonOf(rotated)));
  else for (const line of sentences(rotated)) console.log(line);
  if (Object.keys(rotated.remaining).length > 0) process.exitCode = 1;
}

function jsonOf(rotated: Reencrypted) {
  return {
    key_id: rotated.keyId,
    secrets: rotated.secrets,
    reencrypted: rotated.reencrypted,
    unreadable: rotated.unreadable,
    remaining: rotated.remaining,
    removable: rotated.removable,
  };
}

function sentences({ keyId, secrets, reencrypted, unreadable, remaining, removable }: Reencrypted): string[] {
  const others = Object.entries(remaining).map(([id, count]) => `${count} under ${id}`);
  if (others.length > 0) {
    const reason =
      unreadable > 0
        ? `${unreadable} of them do not open: add the keys that sealed them to HEADRACE_ENCRYPTION_KEYS, and run this again`
        : "a process still seals with it: restart every process with the new key first, and run this again";
    return [
      `${reencrypted} secrets re-encrypted under ${keyId}; left are ${others.join(", ")}: ${reason}. No key may go yet.`,
    ];
  }
  return [
    `${reencrypted} secrets re-encrypted; all ${secrets} are under ${keyId}.`,
    removable.length === 0
      ? "HEADRACE_ENCRYPTION_KEYS has no other key."
      : `${removable.join(", ")} may go from HEADRACE_ENCRYPTION_KEYS once every process runs with ${keyId} first.`,
  ];
}
