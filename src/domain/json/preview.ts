import { ExactNumber } from "./exact-number.ts";

/** Returns the JSON of a value, or a prefix of more than `maxCharacters`. The rest of a large value is not visited. */
export function jsonPreview(value: unknown, maxCharacters: number): string {
  const preview = { text: "", maxCharacters };
  write(preview, value);
  return preview.text;
}

interface Preview {
  text: string;
  readonly maxCharacters: number;
}

function write(preview: Preview, value: unknown): void {
  if (typeof value === "string") preview.text += JSON.stringify(value.slice(0, preview.maxCharacters + 1));
  else if (typeof value !== "object" || value === null) preview.text += JSON.stringify(value) ?? "null";
  else if (value instanceof ExactNumber) preview.text += value.text.slice(0, preview.maxCharacters + 1);
  else if (Array.isArray(value)) {
    preview.text += "[";
    for (let at = 0; at < value.length && !isFull(preview); at += 1) {
      if (at > 0) preview.text += ",";
      write(preview, value[at]);
    }
    preview.text += "]";
  } else {
    preview.text += "{";
    let isFirst = true;
    for (const name in value) {
      if (isFull(preview)) break;
      const member = (value as Record<string, unknown>)[name];
      if (member === undefined) continue;
      preview.text += `${isFirst ? "" : ","}${JSON.stringify(name.slice(0, preview.maxCharacters + 1))}:`;
      isFirst = false;
      write(preview, member);
    }
    preview.text += "}";
  }
}

function isFull({ text, maxCharacters }: Preview): boolean {
  return text.length > maxCharacters;
}
