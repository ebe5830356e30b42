// The flow of the benchmarks: it does nothing, so that what is measured is the way to it.
export default { id: "noop", handler() {} };
