import pg from "pg";

/**
 * Describes the schema as text, read from the catalogue: the same on every supported PostgreSQL. Partitions are left
 * out, since they depend on the date.
 */
export async function schemaText(url: string): Promise<string> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const { rows } = await client.query<{ line: string }>(SCHEMA);
    return `The schema that the migrations create. Written by test/migrations.test.ts with UPDATE_SCHEMA=1.\n${rows
      .map((row) => row.line)
      .join("\n")}\n`;
  } finally {
    await client.end();
  }
}

const SCHEMA = `
WITH tables AS (
  SELECT c.oid, c.relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.reloptions
  FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
),
lines AS (
  SELECT relname AS name, 0 AS part, 0 AS position,
    E'\\ntable ' || relname
      || CASE relkind WHEN 'p' THEN ' partitioned by ' || pg_get_partkeydef(oid) ELSE '' END
      || CASE WHEN reloptions IS NULL THEN '' ELSE ' with ' || array_to_string(reloptions, ', ') END
      || CASE WHEN relforcerowsecurity THEN ' row level security forced' ELSE '' END AS line
  FROM tables
  UNION ALL
  SELECT relname, 1, attnum, '  ' || attname || ' ' || format_type(atttypid, atttypmod)
    || CASE WHEN attnotnull THEN ' not null' ELSE '' END
    || coalesce(' default ' || pg_get_expr(adbin, adrelid), '')
  FROM tables JOIN pg_attribute ON attrelid = tables.oid AND attnum > 0 AND NOT attisdropped
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
  UNION ALL
  SELECT relname, 2, row_number() OVER (PARTITION BY relname ORDER BY conname),
    '  constraint ' || conname || ' ' || pg_get_constraintdef(pg_constraint.oid)
  FROM tables JOIN pg_constraint ON conrelid = tables.oid AND contype IN ('p', 'u', 'f', 'c')
  UNION ALL
  SELECT tables.relname, 3, row_number() OVER (PARTITION BY tables.relname ORDER BY i.relname),
    '  ' || pg_get_indexdef(indexrelid)
  FROM tables JOIN pg_index ON indrelid = tables.oid JOIN pg_class i ON i.oid = indexrelid
  WHERE NOT indisprimary
  UNION ALL
  SELECT relname, 4, row_number() OVER (PARTITION BY relname ORDER BY polname),
    '  policy ' || polname || CASE WHEN polpermissive THEN '' ELSE ' restrictive' END
      || CASE polcmd WHEN '*' THEN '' WHEN 'r' THEN ' for select' ELSE ' for ' || polcmd::text END || ' to ' || array_to_string(ARRAY(SELECT rolname FROM pg_roles WHERE oid = ANY (polroles)), ', ')
      || ' using ' || pg_get_expr(polqual, polrelid) || coalesce(' check ' || pg_get_expr(polwithcheck, polrelid), '')
  FROM tables JOIN pg_policy ON polrelid = tables.oid
  UNION ALL
  SELECT relname, 6, row_number() OVER (PARTITION BY relname ORDER BY tgname),
    '  ' || replace(pg_get_triggerdef(pg_trigger.oid), 'public.', '')
  FROM tables JOIN pg_trigger ON tgrelid = tables.oid AND NOT tgisinternal
  UNION ALL
  SELECT relname, 5, row_number() OVER (PARTITION BY relname ORDER BY grantee), '  grant ' || privileges || ' to ' || grantee
  FROM (
    SELECT relname, grantee, string_agg(lower(privilege_type), ', ' ORDER BY privilege_type) AS privileges
    FROM tables JOIN information_schema.role_table_grants g ON g.table_name = relname AND g.table_schema = 'public'
    WHERE grantee LIKE 'headrace\\_%' GROUP BY relname, grantee
  ) grants
  UNION ALL
  SELECT '~' || proname, 7, 0, E'\\nfunction ' || proname || '(' || pg_get_function_arguments(oid) || ') returns '
    || pg_get_function_result(oid) || coalesce(' set ' || array_to_string(proconfig, ', '), '') || E'\\n' || trim(prosrc, E'\\n')
  FROM pg_proc WHERE pronamespace = 'public'::regnamespace
)
SELECT line FROM lines ORDER BY name COLLATE "C", part, position, line COLLATE "C"`;
