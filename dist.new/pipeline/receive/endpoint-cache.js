import { HeadraceError } from "../../domain/errors.js";
import { findReceivingEndpoint, } from "../../postgres/receiving-endpoints.js";
import { checkScheme } from "./check-scheme.js";
import { presetScheme } from "./presets/index.js";
import { createVerifier } from "./verify.js";
/** Where a secret of an endpoint lives, which is sealed with it. */
export function endpointSecretPlace(name, secretId) {
    return `${name.tenantId}/endpoints/${name.connector}/${name.endpoint}/${secretId}`;
}
export function createEndpointCache(deps) {
    const { database, keyRing, maxEndpoints } = deps;
    const known = new Map();
    let newest = 0;
    async function load(key, name) {
        try {
            const endpoint = openEndpoint(keyRing, name, await findReceivingEndpoint(database, name));
            newest = Math.max(newest, endpoint.counter);
            return endpoint;
        }
        catch (error) {
            known.delete(key);
            throw error;
        }
    }
    return {
        async get(name) {
            const key = `${name.connector}\n${name.tenantId}\n${name.endpoint}`;
            const held = await known.get(key);
            if (held !== undefined && held.counter >= newest)
                return held;
            const loading = load(key, name);
            if (known.size >= maxEndpoints)
                known.delete(known.keys().next().value);
            known.set(key, loading);
            return await loading;
        },
        advance(counter) {
            newest = Math.max(newest, counter);
        },
    };
}
/** Unknown endpoints are verified against this, so that they take as long as known ones. */
const DECOY = presetScheme("standard-webhooks", {});
function openEndpoint(keyRing, name, found) {
    const { counter, endpoint } = found;
    if (endpoint === undefined) {
        return { counter, scheme: DECOY, verify: createVerifier(DECOY, []), closed: "unknown_endpoint" };
    }
    const scheme = schemeOf(endpoint.webhook, endpoint.params);
    const secrets = endpoint.secrets.map(({ id, notAfterMs, ...sealed }) => ({
        value: keyRing.open(sealed, endpointSecretPlace(name, id)),
        ...(notAfterMs === undefined ? {} : { notAfterMs }),
    }));
    return {
        counter,
        scheme,
        verify: createVerifier(scheme, secrets),
        closed: endpoint.enabled ? undefined : "disabled",
    };
}
/** The scheme of a connector's `webhook`: its own, or a preset's under the connector's params and the endpoint's. */
export function schemeOf(webhook, params) {
    const { preset, params: own, scheme } = (webhook ?? {});
    if (scheme !== undefined)
        return checkScheme(scheme);
    if (typeof preset !== "string") {
        throw new HeadraceError("invalid_request", "The connector receives no webhooks: it has neither preset nor scheme");
    }
    return presetScheme(preset, { ...own, ...params });
}
//# sourceMappingURL=endpoint-cache.js.map