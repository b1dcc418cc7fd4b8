-- Turn a reservation into what was measured, once. Its run is in the ledger by now.
-- KEYS: the leases, the reservation, then the counter of each limit.
-- ARGV: the run, then of each limit, in one word list: kind, what was measured, bucket.
-- Returns what is used of each counter, -1 where it must be counted anew.
local reserved = {}
local fields = redis.call('HGETALL', KEYS[2])
for at = 1, #fields, 2 do
  local key, _, need, bucket, seed = string.match(fields[at + 1], '^(%S+) (%S) (%S+) (%S+) (%S*)$')
  if key and fields[at] ~= 'facts' then reserved[key] = {need, bucket, seed} end
end
local used = {}
for i = 1, #KEYS - 2 do
  local key = KEYS[i + 2]
  local kind, measured, bucket = string.match(ARGV[1 + i], '^(%S+) (%S+) (%S+)$')
  local own = reserved[key]
  local back = own and string.format('%.0f', -tonumber(own[1]) + 0)  -- '-0' is no number to Redis
  if own and redis.call('HEXISTS', key, 'h') == 1 then
    if kind ~= 's' then
      redis.call('HINCRBY', key, 'h', back)
    elseif redis.call('HEXISTS', key, 'r' .. own[2]) == 1 then
      redis.call('HINCRBY', key, 'h', back)
      redis.call('HINCRBY', key, 'r' .. own[2], back)
    end
  end
  used[i] = -1
  if kind ~= 'n' then
    local seed = redis.call('HGET', key, 'e')
    if own and seed and seed == own[3] then
      local first = tonumber(redis.call('HGET', key, 'f') or '0')
      if kind == 's' and tonumber(bucket) < first then
        used[i] = tonumber(redis.call('HGET', key, 'u') or '0')
      else
        used[i] = redis.call('HINCRBY', key, 'u', measured)
        if kind == 's' then redis.call('HINCRBY', key, 'b' .. bucket, measured) end
      end
    else
      -- It was counted from the ledger since, before or after this run was booked: nobody can tell.
      redis.call('HDEL', key, 'e')
      redis.call('HINCRBY', key, 'g', 1)
      if redis.call('TTL', key) < 0 then redis.call('EXPIRE', key, 86400) end
    end
  end
end
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[1], ARGV[1])
return used
