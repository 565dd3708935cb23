module gopher/hello

go 1.24
