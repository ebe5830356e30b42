export {};
//# sourceMappingURL=preset.js.map