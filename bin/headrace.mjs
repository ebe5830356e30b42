#!/usr/bin/env node
// The package's command; in a checkout it builds what is not current first.
import "./bootstrap/check-node.mjs";

import("./bootstrap/commands.mjs").then(({ runProgram }) => runProgram(process.argv.slice(2)));
