#!/usr/bin/env node
// The command of the package. In a checkout it first builds the program if needed.
import "./bootstrap/check-node.mjs";

import("./bootstrap/commands.mjs").then(({ runProgram }) => runProgram(process.argv.slice(2)));
