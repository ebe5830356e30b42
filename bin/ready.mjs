#!/usr/bin/env node
// Behind every npm script: works on a fresh clone that has nothing but Node.js and npm.
import "./bootstrap/check-node.mjs";

import("./bootstrap/commands.mjs").then(({ runCommand }) =>
  runCommand(process.argv[2], process.argv.slice(3)),
);
