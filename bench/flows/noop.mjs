// The empty flow of the benchmarks, which measure the way to it.
export default { id: "noop", handler() {} };
