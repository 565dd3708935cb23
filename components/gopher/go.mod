module gopher/hello/services

go 1.24

require gopher/hello v0.0.0

// What both components share is in hello's internal packages.
replace gopher/hello => ../hello
