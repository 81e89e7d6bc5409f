"""What a commit does inside Redis, atomically and only for the writer that owns the state."""

from __future__ import annotations

from typing import Final

#: Put records, and keep what they replace for readers of the state before and for a commit that breaks off.
#: KEYS: owner, commit, begun, undo, then the records. ARGV: owner, commit before, commit begun, milliseconds
#: to live (0: for ever), then the records' bytes.
PUT: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] or (redis.call('GET', KEYS[2]) or '0') ~= ARGV[2] then
  return redis.error_reply('NOTOWNER')
end
redis.call('SET', KEYS[3], ARGV[3])
redis.call('HSETNX', KEYS[4], '', '')
for i = 5, #KEYS do
  redis.call('HSETNX', KEYS[4], KEYS[i], redis.call('GET', KEYS[i]) or '')
  if ARGV[4] == '0' then
    redis.call('SET', KEYS[i], ARGV[i])
  else
    redis.call('SET', KEYS[i], ARGV[i], 'PX', ARGV[4])
  end
end
return #KEYS - 4
"""

#: Make a commit visible once all of its records were put. KEYS: owner, commit, begun, undo, meta, ids, pending, values.
#: ARGV: owner, commit before, commit begun, fields in undo, milliseconds that undo stays, meta before ('' for
#: none), meta; then, of ids, pending events and values in turn, what to drop (how many, field, ...) and what to
#: add (how many, field, value, ...), both counted in words.
FINISH: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] or (redis.call('GET', KEYS[2]) or '0') ~= ARGV[2] then
  return redis.error_reply('NOTOWNER')
end
if (redis.call('GET', KEYS[5]) or '') ~= ARGV[6] then
  return redis.error_reply('NOTOWNER')
end
if redis.call('HLEN', KEYS[4]) ~= tonumber(ARGV[4]) then
  return redis.error_reply('TORN')
end
local at = 8
local function each(step, act)
  local last = at + tonumber(ARGV[at])
  for i = at + 1, last, step do act(ARGV[i], ARGV[i + 1]) end
  at = last + 1
end
for place = 6, 8 do
  each(1, function(field) redis.call('HDEL', KEYS[place], field) end)
  each(2, function(field, value) redis.call('HSET', KEYS[place], field, value) end)
end
redis.call('SET', KEYS[5], ARGV[7])
redis.call('SET', KEYS[2], ARGV[3])
redis.call('PEXPIRE', KEYS[4], ARGV[5])
return 1
"""

#: The names in the undo hashes KEYS; nothing where one has expired, or holds more than ARGV[1].
NAMES: Final = """
local found = {}
for place = 1, #KEYS do
  local size = redis.call('HLEN', KEYS[place])
  if size == 0 or size > tonumber(ARGV[1]) then return false end
  found[place] = redis.call('HKEYS', KEYS[place])
end
return found
"""
