"""The state: tables, named statements (one module per table), the unit of work, and the migrations.

Nothing outside this package sees a connection, a row or a table.
"""
