package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const probeTimeout = 2 * time.Second

// probeClient accepts any certificate: what it asks for is health, of an address that is a constant.
var probeClient = &http.Client{
	Timeout: probeTimeout,
	Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
	},
}

// probeHTTP wants status 200.
func probeHTTP(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := probeClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}

// probeTemporal asks for the namespace "default", which is made at the first start: gRPC without its library is a
// POST over HTTP/2 with five bytes before the message (gRPC over HTTP2, Length-Prefixed-Message).
func probeTemporal(ctx context.Context, address string) error {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Timeout: probeTimeout, Transport: &http.Transport{Protocols: protocols, DisableKeepAlives: true}}
	defer client.CloseIdleConnections()
	message := append([]byte{0x0a, 7}, "default"...) // DescribeNamespaceRequest.namespace = 1
	body := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
	url := "http://" + address + "/temporal.api.workflowservice.v1.WorkflowService/DescribeNamespace"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	status := response.Trailer.Get("Grpc-Status") + response.Header.Get("Grpc-Status")
	if status != "0" {
		return fmt.Errorf("%s answers gRPC status %q for the namespace default", address, status)
	}
	return nil
}

// probeKafka wants a broker in the answer to Metadata (key 3, version 1, no topics): a node that answers but has not
// yet registered with its controller lists none.
func probeKafka(ctx context.Context, address string) error {
	request := []byte{0, 3, 0, 1, 0, 0, 0, 7, 0, 5}
	request = append(request, "probe"...)
	request = append(request, 0, 0, 0, 0)
	answer, err := exchange(ctx, address, append(binary.BigEndian.AppendUint32(nil, uint32(len(request))), request...), binary.BigEndian, 0)
	if err != nil {
		return err
	}
	return parseKafkaMetadata(answer)
}

// parseKafkaMetadata reads the correlation ID and the length of the array of brokers.
func parseKafkaMetadata(answer []byte) error {
	if len(answer) < 8 || binary.BigEndian.Uint32(answer) != 7 {
		return errors.New("that is not an answer of Kafka's")
	}
	if int32(binary.BigEndian.Uint32(answer[4:])) < 1 {
		return errors.New("no broker is registered yet")
	}
	return nil
}

// probeMongo sends {hello: 1, $db: "admin"} as OP_MSG and wants {ok: 1} back.
func probeMongo(ctx context.Context, address string) error {
	document := []byte("\x10hello\x00\x01\x00\x00\x00\x02$db\x00\x06\x00\x00\x00admin\x00\x00")
	document = append(binary.LittleEndian.AppendUint32(nil, uint32(len(document)+4)), document...)
	body := append([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0xdd, 7, 0, 0, 0, 0, 0, 0, 0}, document...) // id, responseTo, 2013, flags, kind
	message := append(binary.LittleEndian.AppendUint32(nil, uint32(len(body)+4)), body...)
	answer, err := exchange(ctx, address, message, binary.LittleEndian, 4)
	if err != nil {
		return err
	}
	return parseMongoHello(answer)
}

func parseMongoHello(answer []byte) error {
	if !bytes.Contains(answer, []byte("\x01ok\x00\x00\x00\x00\x00\x00\x00\xf0\x3f")) && !bytes.Contains(answer, []byte("\x10ok\x00\x01\x00\x00\x00")) {
		return errors.New("hello was not answered with ok: 1")
	}
	return nil
}

// exchange sends a message and reads one that begins with its length in four bytes; of that length, counted are
// themselves.
func exchange(ctx context.Context, address string, message []byte, order binary.ByteOrder, counted uint32) ([]byte, error) {
	const limit = 1 << 20
	dialer := net.Dialer{Timeout: probeTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(probeTimeout)); err != nil {
		return nil, err
	}
	if _, err := conn.Write(message); err != nil {
		return nil, err
	}
	var length [4]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	n := order.Uint32(length[:])
	if n < counted || n > limit {
		return nil, fmt.Errorf("%s answers with a length of %d", address, n)
	}
	answer := make([]byte, n-counted)
	_, err = io.ReadFull(conn, answer)
	return answer, err
}
