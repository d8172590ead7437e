-- All of some writes, or none.
-- ARGV: "1" if this repeats a call whose answer was lost; kind, place and row of the guard, the row
-- empty without one; then for each write its type (put, append, replace, delete), kind, place, row
-- and expected version. Returns 0, the number of the first write at fault, -1 for the guard, or
-- in a table the key of a row that is closed.
local again = ARGV[1] == '1'
local guard_kind, guard_place, guard = ARGV[2], ARGV[3], ARGV[4]
local FIRST, WIDTH = 5, 5

local wanted = {} -- what each row is by now, as the writes follow each other; false is gone
local function present(key)
  if wanted[key] == nil then
    wanted[key] = redis.call('GET', key)
  end
  return wanted[key]
end

local guards = guard ~= ''
if guards then
  local key = row_key(guard_kind, guard_place)
  local there = present(key)
  if there then
    if body(there) ~= body(guard) then
      return -1
    end
    guards = false
  end
  wanted[key] = there or guard
end

local fault = 0
local before = {}
for at = FIRST, #ARGV, WIDTH do
  local type, kind, place, row, version = unpack(ARGV, at, at + WIDTH - 1)
  local key = row_key(kind, place)
  local there = present(key)
  local old = there and columns(there) or nil
  before[at] = old
  local fits
  if type == 'put' or type == 'append' then
    fits = not old
  else
    fits = old and old[VERSION] == version
  end
  if not fits and fault == 0 then
    fault = (at - FIRST) / WIDTH + 1
  end
  wanted[key] = type ~= 'delete' and row
end

if fault > 0 then
  if not again then
    return fault
  end
  -- Its bodies are sealed with a nonce: what is there to the letter was written by the first call.
  for key, row in pairs(wanted) do
    if redis.call('GET', key) ~= row then
      return fault
    end
  end
  -- WAIT is about what its own connection wrote, and that was another one.
  redis.call('INCR', base .. ':n:checked')
  return 0
end

local closed = guards and closed_key(guard)
for at = FIRST, #ARGV, WIDTH do
  closed = closed or ARGV[at] ~= 'delete' and closed_key(ARGV[at + 3])
end
if closed then
  return { closed }
end

if guards then
  write(guard_kind, guard_place, guard, nil)
end
for at = FIRST, #ARGV, WIDTH do
  local type, kind, place, row = unpack(ARGV, at, at + WIDTH - 2)
  if type == 'delete' then
    erase(kind, place, before[at])
  else
    write(kind, place, row, before[at])
    if type == 'append' then
      redis.call('ZADD', base .. ':p:' .. kind, redis.call('INCR', base .. ':n:position'), place)
    end
  end
end
return 0
