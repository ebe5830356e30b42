-- Several endpoints may name one account: the one whose secret signed a delivery takes it.
DROP INDEX endpoints_of_account;
CREATE INDEX endpoints_of_account ON endpoints (connector, account) WHERE account IS NOT NULL;
