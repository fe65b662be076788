raise SystemExit("this is for developers")
