/**
 * Slots that tenants share. A tenant gets another one only while it holds fewer than are free: alone it holds at most
 * half of them, and each of `n` tenants that hold all they may holds one in `n + 1`. So a tenant that comes new finds a
 * slot at once, however long those of the others are held, and none is taken back from anybody.
 */
export interface SlotPool {
  /** Takes up to `want` slots for the tenant, as many as it may have now, and returns how many it got. */
  take(tenantId: string, want: number): number;
  /** Gives slots back that the tenant took. */
  release(tenantId: string, count: number): void;
  /** Slots that the tenant holds. */
  heldBy(tenantId: string): number;
}

export function createSlotPool(size: number): SlotPool {
  const held = new Map<string, number>();
  let free = size;
  return {
    take(tenantId, want) {
      const own = held.get(tenantId) ?? 0;
      const taken = Math.min(want, Math.max(0, Math.ceil((free - own) / 2)));
      if (taken === 0) return 0;
      held.set(tenantId, own + taken);
      free -= taken;
      return taken;
    },
    release(tenantId, count) {
      const left = (held.get(tenantId) ?? 0) - count;
      if (left > 0) held.set(tenantId, left);
      else held.delete(tenantId);
      free += count;
    },
    heldBy: (tenantId) => held.get(tenantId) ?? 0,
  };
}
