/**
 * Raises a counter in the transaction of the change itself and answers its new value. The row stays locked until
 * that transaction ends, so that changes are counted in the order in which they commit.
 */
export async function raiseCounter(transaction, name) {
    const [row] = await transaction.query({
        name: "raise-counter",
        text: "UPDATE change_counters SET value = value + 1 WHERE name = $1 RETURNING value",
        values: [name],
    });
    return Number(row?.value);
}
export async function readCounter(database, name) {
    const [row] = await database.query({
        name: "read-counter",
        text: "SELECT value FROM change_counters WHERE name = $1",
        values: [name],
    });
    return Number(row?.value);
}
//# sourceMappingURL=change-counters.js.map