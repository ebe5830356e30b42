import { Type } from "typebox";
import { Id, Instant, line } from "../field-schemas.ts";

/** Filters of lists and counts of dead letters. */
export const DEAD_LETTER_FILTERS = {
  flow: Type.Optional(Id),
  connector: Type.Optional(Id),
  stage: Type.Optional(Type.Enum(["normalize", "route", "execute"])),
  status: Type.Optional(Type.Enum(["pending", "replayed", "expired"])),
  fingerprint: Type.Optional(line(64)),
  since: Type.Optional(Instant),
  until: Type.Optional(Instant),
};
