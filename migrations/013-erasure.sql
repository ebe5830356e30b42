-- When the personal data of an event were erased: its payload, headers and all copies of them.
ALTER TABLE events ADD COLUMN erased_at timestamptz;
-- The dead letters of an event, whose payloads an erasure empties.
CREATE INDEX dead_letters_of_event ON dead_letters (event_id);
