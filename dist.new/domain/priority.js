/** The lanes in the order in which they are served. */
export const LANES = [1, 2, 3, 4];
const PRIORITY_OF_SOURCE = {
    api: 1,
    webhook: 2,
    schedule: 3,
    replay: 3,
    poll: 4,
};
/** The priority of an event that names none of its own. */
export function priorityOf(source) {
    return PRIORITY_OF_SOURCE[source];
}
//# sourceMappingURL=priority.js.map