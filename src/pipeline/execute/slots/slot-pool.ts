/**
 * Slots that tenants share. A tenant gets a slot only while it uses fewer than are free: alone it uses at most half,
 * and each of `n` tenants that use their whole share uses one in `n + 1`. So a new tenant gets a slot at once, however
 * long the others use theirs, and no slot is revoked.
 */
export interface SlotPool {
  /** Takes up to `want` slots within the tenant's current share and returns the number taken. */
  take(tenantId: string, want: number): number;
  /** Releases slots that the tenant took. */
  release(tenantId: string, count: number): void;
  /** Returns the number of slots that the tenant uses. */
  takenBy(tenantId: string): number;
}

export function createSlotPool(size: number): SlotPool {
  const takenByTenant = new Map<string, number>();
  let free = size;
  return {
    take(tenantId, want) {
      const own = takenByTenant.get(tenantId) ?? 0;
      const taken = Math.min(want, Math.max(0, Math.ceil((free - own) / 2)));
      if (taken === 0) return 0;
      takenByTenant.set(tenantId, own + taken);
      free -= taken;
      return taken;
    },
    release(tenantId, count) {
      const left = (takenByTenant.get(tenantId) ?? 0) - count;
      if (left > 0) takenByTenant.set(tenantId, left);
      else takenByTenant.delete(tenantId);
      free += count;
    },
    takenBy: (tenantId) => takenByTenant.get(tenantId) ?? 0,
  };
}
