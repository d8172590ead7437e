-- Forget a lease whose holder never gave it back. ARGV: name, and the lease as it was read.
local leases = KEYS[1] .. ':l'
if redis.call('HGET', leases, ARGV[1]) == ARGV[2] then
  return redis.call('HDEL', leases, ARGV[1])
end
return 0
