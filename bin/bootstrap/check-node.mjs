// Has no import and no await, so that an old Node can run it.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`headrace needs Node.js 20.19 or newer; this is ${process.versions.node}.`);
  process.exit(1);
}
