import { closeSync, copyFileSync, fstatSync, ftruncateSync, openSync, readSync } from "node:fs";
const CHECK_MS = 5_000;
const MAX_BYTES = 5 * 1_048_576;
const TAIL_BYTES = 2_000;
/** Opens the log. Past 5 MiB, looked at every 5 s, it becomes `<file>.1` and starts anew. */
export function openChildLog(file) {
    const fd = openSync(file, "a+", 0o600);
    const openedAt = fstatSync(fd).size;
    rotateIfLarge();
    const timer = setInterval(rotateIfLarge, CHECK_MS).unref();
    /** The child keeps its descriptor, so the file is copied and emptied, not renamed. */
    function rotateIfLarge() {
        if (fstatSync(fd).size <= MAX_BYTES)
            return;
        copyFileSync(file, `${file}.1`);
        ftruncateSync(fd);
    }
    return {
        fd,
        tail() {
            const { size } = fstatSync(fd);
            const from = Math.max(size - TAIL_BYTES, size < openedAt ? 0 : openedAt);
            const bytes = Buffer.alloc(size - from);
            readSync(fd, bytes, 0, bytes.length, from);
            return bytes.toString().trim();
        },
        close() {
            clearInterval(timer);
            closeSync(fd);
        },
    };
}
//# sourceMappingURL=child-log.js.map