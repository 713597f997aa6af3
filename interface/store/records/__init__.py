"""The values that go into the store and come out of it: frozen, plain, without a trace of SQL. Each is imported from its
own module, by who uses it.

Times are POSIX seconds (float, UTC) where a machine compares them and aware UTC datetimes where the rules
read them. Bytes named `body`, `detail`, `chart`, `note` and `raw` are in the clear here and sealed in the
store.
"""
