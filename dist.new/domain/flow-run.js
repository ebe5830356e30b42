export {};
//# sourceMappingURL=flow-run.js.map