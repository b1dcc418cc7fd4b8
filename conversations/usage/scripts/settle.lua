-- Turn a reservation into what was measured, once. Its run is in the ledger by now.
-- KEYS: the leases, the reservation, then the counter of each limit.
-- ARGV: the run, then of each limit, in one word list: kind, what was measured, bucket.
-- Returns what is used of each counter, -1 where it must be counted anew.
-- Each command takes about a microsecond: a counter is read by one and written by one.
local reserved = {}
local note = redis.pcall('GETDEL', KEYS[2])
if type(note) == 'table' then  -- an error, for a hash: reserved by the version before this one
  note = '\n' .. table.concat(redis.call('HVALS', KEYS[2]), '\n')
  redis.call('DEL', KEYS[2])
end
for key, need, bucket, seed in string.gmatch(note or '', '\n(%S+) %S (%S+) (%S+) (%S*)') do
  reserved[key] = {need, bucket, seed}
end

-- Forget what is used: it was counted from the ledger since, before or after this run was booked.
local function count_anew(key)
  redis.call('HDEL', key, 'e')
  redis.call('HINCRBY', key, 'g', 1)
  if redis.call('TTL', key) < 0 then redis.call('EXPIRE', key, 86400) end
  return -1
end

local function settle(key, kind, measured, own)
  local state = redis.call('HMGET', key, 'h', 'e', 'u')
  local known = own and kind ~= 'n' and state[2] and state[2] == own[3]
  local used, writes = known and (state[3] or 0) + measured, {'HSET', key}
  if own and state[1] then writes[3], writes[4] = 'h', state[1] - own[1] end
  if known then writes[#writes + 1], writes[#writes + 2] = 'u', used end
  if #writes > 2 then redis.call(unpack(writes)) end
  if kind == 'n' then return -1 end
  return used or count_anew(key)
end

local function settle_sliding(key, measured, bucket, own)
  local spent, reserved_in = 'b' .. bucket, 'r' .. (own and own[2] or bucket)
  local state = redis.call('HMGET', key, 'h', 'e', 'u', 'f', spent, reserved_in)
  local writes = {'HSET', key}
  if own and state[1] and state[6] then
    writes[3], writes[4] = 'h', state[1] - own[1]
    writes[5], writes[6] = reserved_in, state[6] - own[1]
  end
  local used = tonumber(state[3] or 0)
  local known = own and state[2] and state[2] == own[3]
  if known and tonumber(bucket) >= tonumber(state[4] or 0) then
    used = used + measured
    writes[#writes + 1], writes[#writes + 2] = 'u', used
    writes[#writes + 1], writes[#writes + 2] = spent, (state[5] or 0) + measured
  end
  if #writes > 2 then redis.call(unpack(writes)) end
  return known and used or count_anew(key)
end

local used = {}
for i = 1, #KEYS - 2 do
  local key = KEYS[i + 2]
  local kind, measured, bucket = string.match(ARGV[1 + i], '^(%S+) (%S+) (%S+)$')
  if kind == 's' then
    used[i] = settle_sliding(key, measured, bucket, reserved[key])
  else
    used[i] = settle(key, kind, measured, reserved[key])
  end
end
redis.call('ZREM', KEYS[1], ARGV[1])
return used
