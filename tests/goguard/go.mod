module goguard

go 1.21
