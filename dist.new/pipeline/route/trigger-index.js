import { compileCondition } from "../../domain/condition/compile.js";
/** A partition holds one tenant's triggers of one connector, or those of any connector. */
const ANY_CONNECTOR = "*";
/** Triggers by tenant and connector; within those, each is asked. */
export function createTriggerIndex() {
    const entries = new Map();
    const partitions = new Map();
    let registered = 0;
    function partitionName(tenantId, connector) {
        return `${tenantId}\n${connector ?? ANY_CONNECTOR}`;
    }
    function remove(id) {
        const entry = entries.get(id);
        if (entry === undefined)
            return undefined;
        const name = partitionName(entry.trigger.tenantId, entry.trigger.connector);
        const partition = partitions.get(name);
        partition?.delete(id);
        if (partition?.size === 0)
            partitions.delete(name);
        entries.delete(id);
        return entry;
    }
    return {
        add(trigger) {
            const replaced = remove(trigger.id);
            const order = replaced?.order ?? registered;
            if (replaced === undefined)
                registered += 1;
            const entry = { order, trigger, matches: compileTrigger(trigger) };
            entries.set(trigger.id, entry);
            const name = partitionName(trigger.tenantId, trigger.connector);
            const partition = partitions.get(name) ?? new Map();
            partitions.set(name, partition.set(trigger.id, entry));
        },
        remove(id) {
            remove(id);
        },
        match(event) {
            const matched = [];
            for (const connector of [event.connector, undefined]) {
                for (const entry of partitions.get(partitionName(event.tenantId, connector))?.values() ?? []) {
                    if (entry.matches(event))
                        matched.push(entry);
                }
            }
            return matched.sort((left, right) => left.order - right.order).map((entry) => entry.trigger.id);
        },
        get size() {
            return entries.size;
        },
    };
}
function compileTrigger({ eventTypes, where }) {
    const typeMatches = compileTypes(eventTypes);
    if (where === undefined)
        return (event) => typeMatches(event.type);
    const condition = compileCondition(where);
    return (event) => typeMatches(event.type) &&
        condition({
            data: event.data,
            event: envelopeOf(event),
            headers: event.headers ?? {},
            ...(event.changes === undefined ? {} : { changes: event.changes }),
        });
}
function compileTypes(types) {
    if (types === undefined || types.length === 0)
        return () => true;
    const exact = new Set(types.filter((type) => !type.endsWith("*")));
    const prefixes = types.filter((type) => type.endsWith("*")).map((type) => type.slice(0, -1));
    return (type) => exact.has(type) || prefixes.some((prefix) => type.startsWith(prefix));
}
/** What `$event.` paths reach. */
function envelopeOf(event) {
    const { data: _data, headers: _headers, changes: _changes, ...envelope } = event;
    return envelope;
}
//# sourceMappingURL=trigger-index.js.map