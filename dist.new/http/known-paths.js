export function createKnownPaths() {
    const routes = new Map();
    return {
        add({ method, url }) {
            const known = routes.get(url) ?? { segments: url.split("/"), methods: new Set() };
            for (const one of [method].flat())
                known.methods.add(one);
            routes.set(url, known);
        },
        methodsOf(path) {
            const segments = path.split("/");
            const methods = [...routes.values()].flatMap((route) => fits(route.segments, segments) ? [...route.methods] : []);
            return [...new Set(methods)].sort();
        },
    };
}
function fits(pattern, segments) {
    if (pattern.length !== segments.length)
        return false;
    return pattern.every((part, index) => part === segments[index] || (part.startsWith(":") && segments[index] !== ""));
}
//# sourceMappingURL=known-paths.js.map