// The interop-server command is gRPC's own interoperability service, on a loopback address.
//
// The one that comes with gRPC listens on every interface, which a test must not do.
// It prints the address it took, so that port 0 can be asked for.
package main

import (
	"fmt"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: interop-server ADDR, such as 127.0.0.1:0")
	}
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatalf("cannot listen: %v; choose another address, or port 0 for any", err)
	}
	server := grpc.NewServer()
	testgrpc.RegisterTestServiceServer(server, interop.NewTestServer())
	fmt.Printf("listening interop %s\n", listener.Addr())
	log.Fatal(server.Serve(listener))
}
