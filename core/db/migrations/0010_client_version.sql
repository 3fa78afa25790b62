CREATE TABLE "client_version" (
	"id" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"version" bigint[],
	"found_at" timestamp with time zone,
	"asked_at" timestamp with time zone NOT NULL
);
