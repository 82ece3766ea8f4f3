"""The config room: what a config may say (`schema`), and how it is read, checked and written.

Nothing is re-exported here, so that naming the package costs no import of pydantic or PyYAML.
"""
