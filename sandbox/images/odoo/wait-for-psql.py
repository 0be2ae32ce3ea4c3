#!/usr/bin/env python3
"""Waits until PostgreSQL accepts a connection; exits 1 when it does not within the time."""
import argparse
import sys
import time

import psycopg2

parser = argparse.ArgumentParser()
parser.add_argument("--db_host", required=True)
parser.add_argument("--db_port", required=True)
parser.add_argument("--db_user", required=True)
parser.add_argument("--db_password", required=True)
parser.add_argument("--timeout", type=int, default=5)
args = parser.parse_args()

end = time.monotonic() + args.timeout
while True:
    try:
        psycopg2.connect(
            host=args.db_host, port=args.db_port, user=args.db_user, password=args.db_password,
            dbname="postgres", connect_timeout=5,
        ).close()
        sys.exit(0)
    except psycopg2.OperationalError as error:
        if time.monotonic() >= end:
            print(f"Database connection failure: {error}", file=sys.stderr)
            sys.exit(1)
    time.sleep(1)
