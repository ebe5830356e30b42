#!/usr/bin/env node
// The entry of every npm script. Works in a fresh clone with only Node.js and npm.
import "./bootstrap/check-node.mjs";

import("./bootstrap/commands.mjs").then(({ runCommand }) =>
  runCommand(process.argv[2], process.argv.slice(3)),
);
