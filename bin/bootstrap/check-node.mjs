// Imports nothing and awaits nothing, so that an old Node reads this far.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`headrace needs Node.js 20.19 or newer; this is ${process.versions.node}.`);
  process.exit(1);
}
