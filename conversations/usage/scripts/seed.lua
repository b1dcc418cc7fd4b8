-- Give a counter its usage from the ledger, unless a run was settled meanwhile.
-- KEYS: the counter. ARGV: its generation at the read, the new seed, its life, the sum, then pairs of
-- bucket and part. Returns 0 where the ledger must be read again.
local state = redis.call('HMGET', KEYS[1], 'e', 'g', 'f')
if state[1] then return 1 end
if (state[2] or '0') ~= ARGV[1] then return 0 end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, 1) == 'b' then redis.call('HDEL', KEYS[1], field) end
end
redis.call('HSET', KEYS[1], 'e', ARGV[2], 'u', ARGV[4])
local first = tonumber(state[3] or '-1')
for at = 5, #ARGV, 2 do
  redis.call('HSET', KEYS[1], 'b' .. ARGV[at], ARGV[at + 1])
  if first < 0 or tonumber(ARGV[at]) < first then first = tonumber(ARGV[at]) end
end
if first >= 0 then redis.call('HSET', KEYS[1], 'f', string.format('%.0f', first)) end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
