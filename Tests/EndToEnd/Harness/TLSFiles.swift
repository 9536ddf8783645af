/// Certificates for tests of TLS, and the keys that belong to them: secrets of nobody. Made once with
/// `openssl ecparam -genkey`, `openssl req` and `openssl x509 -req` (P-256, valid for a hundred years), so that a
/// machine needs no openssl command; `expired` was valid until 2021-02-03 04:05:06 UTC. All but `stranger` are
/// signed by `ca`. Names: `a` and `renewed` (same key) localhost, a.test and 127.0.0.1; `b` *.b.test, *.a.test
/// and b.test; `exact` exact.b.test with the key of `b`. `client` and `stranger` are CN=alice of "Example, Inc.".
/// `lockedKey` is the key of `a` under a passphrase.
enum TLSFiles {
    /// Writes all of them.
    static func write(to directory: Directory) throws {
        for (name, text) in all { try directory.write(text + "\n", to: name) }
    }

    private static let all = [
        (
            "ca.pem",
            """
            -----BEGIN CERTIFICATE-----
            MIIBiTCCAS+gAwIBAgIULtjDTVhmTdEk+rHKJwuE9hlTWPcwCgYIKoZIzj0EAwIw
            GTEXMBUGA1UEAwwOVGVzdCBhdXRob3JpdHkwIBcNMjYxMTIxMDQzMjQ3WhgPMjEy
            NjEwMjgwNDMyNDdaMBkxFzAVBgNVBAMMDlRlc3QgYXV0aG9yaXR5MFkwEwYHKoZI
            zj0CAQYIKoZIzj0DAQcDQgAEJKlKbN3Dv44CCWuD0UmVqXu0+EE455JMqhy4oCRs
            90xBT3bLWUnymvkZhGq0CxgHX87jKzNez8nahrpllcZAKKNTMFEwHQYDVR0OBBYE
            FL0sFSX7Kjn1ziIc1z3Jcp6oD9GcMB8GA1UdIwQYMBaAFL0sFSX7Kjn1ziIc1z3J
            cp6oD9GcMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgCP48ng0X
            Y/ePaOSK9Nyh+fn9ubB9pyb95mtX44M8LmACIQDKsmLaQ4S+y2G3byMslUnhe2Zj
            km/+qe+vaxGMO5vqEQ==
            -----END CERTIFICATE-----
            """
        ),
        (
            "a.pem",
            """
            -----BEGIN CERTIFICATE-----
            MIIBgjCCASmgAwIBAgIEM3UpYTAKBggqhkjOPQQDAjAZMRcwFQYDVQQDDA5UZXN0
            IGF1dGhvcml0eTAgFw0yNjExMjEwNDMyNDdaGA8yMTI2MTAyODA0MzI0N1owEDEO
            MAwGA1UEAwwFZmlyc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQfbkW/AfP3
            B/II4feo+8e9LIuMzxYA8x5hwZUn6NZ4G9HyVGojT/49btArVXmJ22HlvTRoDhHd
            fm1kK9Zvp7yuo2YwZDAiBgNVHREEGzAZgglsb2NhbGhvc3SCBmEudGVzdIcEfwAA
            ATAdBgNVHQ4EFgQUSGKfSjLs1i1LWtj1dELW7/dkq7owHwYDVR0jBBgwFoAUvSwV
            JfsqOfXOIhzXPclynqgP0ZwwCgYIKoZIzj0EAwIDRwAwRAIgU7tlEBPDijE360oo
            5TiCQZbrIqZD9oXCIDxvGPHAR54CIGiVQ7Yh+MvHdVA4fmSPrJ3W90f7U3DacKzc
            pofzqSBP
            -----END CERTIFICATE-----
            """
        ),
        (
            "a.key",
            """
            -----BEGIN PRIVATE KEY-----
            MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQguru6bJQNq+ZoOp9l
            iAHS8KD7d7/pKbDK/ISeDQU2gGGhRANCAAQfbkW/AfP3B/II4feo+8e9LIuMzxYA
            8x5hwZUn6NZ4G9HyVGojT/49btArVXmJ22HlvTRoDhHdfm1kK9Zvp7yu
            -----END PRIVATE KEY-----
            """
        ),
        (
            "renewed.pem",
            """
            -----BEGIN CERTIFICATE-----
            MIIBhjCCASugAwIBAgIEVTApQDAKBggqhkjOPQQDAjAZMRcwFQYDVQQDDA5UZXN0
            IGF1dGhvcml0eTAgFw0yNjExMjEwNDMyNDdaGA8yMTI2MTAyODA0MzI0N1owEjEQ
            MA4GA1UEAwwHcmVuZXdlZDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABB9uRb8B
            8/cH8gjh96j7x70si4zPFgDzHmHBlSfo1ngb0fJUaiNP/j1u0CtVeYnbYeW9NGgO
            Ed1+bWQr1m+nvK6jZjBkMCIGA1UdEQQbMBmCCWxvY2FsaG9zdIIGYS50ZXN0hwR/
            AAABMB0GA1UdDgQWBBRIYp9KMuzWLUta2PV0Qtbv92SrujAfBgNVHSMEGDAWgBS9
            LBUl+yo59c4iHNc9yXKeqA/RnDAKBggqhkjOPQQDAgNJADBGAiEAkEGfpOMeoRBN
            mvfhRT98nn5HUTODv51uw0Gxk/sdCe0CIQDYOikytax67+QaydfcyDVhARneCoT4
            pXpSMSjOAPHrWQ==
            -----END CERTIFICATE-----
            """
        ),
        (
            "b.pem",
            """
            -----BEGIN CERTIFICATE-----
            MIIBijCCATCgAwIBAgIFAKNgouMwCgYIKoZIzj0EAwIwGTEXMBUGA1UEAwwOVGVz
            dCBhdXRob3JpdHkwIBcNMjYxMTIxMDQzMjQ3WhgPMjEyNjEwMjgwNDMyNDdaMBMx
            ETAPBgNVBAMMCHdpbGRjYXJkMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEkvoW
            6qvXhYlm0cv/v5hYLTYjbDjc+jxUME0ZeH1PdKXH8bM+naTipFIeckmNgFSvjKAc
            a/0zI2BACew5BnGPdaNpMGcwJQYDVR0RBB4wHIIIKi5iLnRlc3SCCCouYS50ZXN0
            ggZiLnRlc3QwHQYDVR0OBBYEFCBduV7lBzZWdVKmJNDwnIUgybxkMB8GA1UdIwQY
            MBaAFL0sFSX7Kjn1ziIc1z3Jcp6oD9GcMAoGCCqGSM49BAMCA0gAMEUCIQCb/Tnn
            JGDzDrxtNn0XXgoWOmH40Iob4PNVKp3Kl1M5vgIgfmljk4tztmDeAqGzaKvguNqs
            iuEJnbfNLDwnN1zanvA=
            -----END CERTIFICATE-----
            """
        ),
        (
            "b.key",
            """
            -----BEGIN PRIVATE KEY-----
            MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgafcjGiUujvbRVk0s
            qufR9HKqhL+o6fhGcoOgQkL8waOhRANCAASS+hbqq9eFiWbRy/+/mFgtNiNsONz6
            PFQwTRl4fU90pcfxsz6dpOKkUh5ySY2AVK+MoBxr/TMjYEAJ7DkGcY91
            -----END PRIVATE KEY-----
            """
        ),
        (
            "exact.pem",
            """
            -----BEGIN CERTIFICATE-----
            MIIBeTCCAR6gAwIBAgIEFjXjsTAKBggqhkjOPQQDAjAZMRcwFQYDVQQDDA5UZXN0
            IGF1dGhvcml0eTAgFw0yNjExMjEwNDMyNDdaGA8yMTI2MTAyODA0MzI0N1owEDEO
            MAwGA1UEAwwFZXhhY3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASS+hbqq9eF
            iWbRy/+/mFgtNiNsONz6PFQwTRl4fU90pcfxsz6dpOKkUh5ySY2AVK+MoBxr/TMj
            YEAJ7DkGcY91o1swWTAXBgNVHREEEDAOggxleGFjdC5iLnRlc3QwHQYDVR0OBBYE
            FCBduV7lBzZWdVKmJNDwnIUgybxkMB8GA1UdIwQYMBaAFL0sFSX7Kjn1ziIc1z3J
            cp6oD9GcMAoGCCqGSM49BAMCA0kAMEYCIQDtU6aH8tuJq+bJp5WLymu9siAEKiN3
            JQJ07mKAOB63nAIhAPCvQ3DdWnpN7WuJF9Uge4RnGkIVC090bOG7zjwndwBd
            -----END CERTIFICATE-----
            """
        ),
        (
            "expired.pem",
            """
            -----BEGIN CERTIFICATE-----
            MIIBeTCCAR6gAwIBAgIBATAKBggqhkjOPQQDAjAZMRcwFQYDVQQDDA5UZXN0IGF1
            dGhvcml0eTAeFw0yMDAxMDEwMDAwMDBaFw0yMTAyMDMwNDA1MDZaMBIxEDAOBgNV
            BAMMB2V4cGlyZWQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQfbkW/AfP3B/II
            4feo+8e9LIuMzxYA8x5hwZUn6NZ4G9HyVGojT/49btArVXmJ22HlvTRoDhHdfm1k
            K9Zvp7yuo14wXDAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwHQYDVR0OBBYE
            FEhin0oy7NYtS1rY9XRC1u/3ZKu6MB8GA1UdIwQYMBaAFL0sFSX7Kjn1ziIc1z3J
            cp6oD9GcMAoGCCqGSM49BAMCA0kAMEYCIQCW4MN6cCrAvkZmrr5FDqSMtKbtMc9O
            xljuU3aKIsmCdwIhAO6NF8iYcaEepiwtl38vN6YdHW7KN8GlfSQuWNEkOrBo
            -----END CERTIFICATE-----
            """
        ),
        (
            "client.pem",
            """
            -----BEGIN CERTIFICATE-----
            MIIBjDCCATKgAwIBAgIEeQj0QzAKBggqhkjOPQQDAjAZMRcwFQYDVQQDDA5UZXN0
            IGF1dGhvcml0eTAgFw0yNjExMjEwNDMyNDdaGA8yMTI2MTAyODA0MzI0N1owKDEW
            MBQGA1UECgwNRXhhbXBsZSwgSW5jLjEOMAwGA1UEAwwFYWxpY2UwWTATBgcqhkjO
            PQIBBggqhkjOPQMBBwNCAASVIuM/oMtPbtVPVfOdT2PsAMZ2KQDM/tQUkMXVOVHo
            lrGVIfEVzZfrSZkLzpXgz87sb07o4UKPOZPTf0zad12So1cwVTATBgNVHSUEDDAK
            BggrBgEFBQcDAjAdBgNVHQ4EFgQU+9Rg2SA1g7IH1XqILH30YYgufJ8wHwYDVR0j
            BBgwFoAUvSwVJfsqOfXOIhzXPclynqgP0ZwwCgYIKoZIzj0EAwIDSAAwRQIgR7Ro
            oVlEca+CBGJl0FHTzSYCR8DYN5IJ+kW+8Xeeg+0CIQDDi/mSkGPpzum4Tcp692/B
            YzKS8YEU+yBnS5RUEA4bgQ==
            -----END CERTIFICATE-----
            """
        ),
        (
            "client.key",
            """
            -----BEGIN PRIVATE KEY-----
            MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgxQLg2pY9vbeaOVN6
            Ly3ZXXHPCK8xX1g5/voDTLo9SpWhRANCAASVIuM/oMtPbtVPVfOdT2PsAMZ2KQDM
            /tQUkMXVOVHolrGVIfEVzZfrSZkLzpXgz87sb07o4UKPOZPTf0zad12S
            -----END PRIVATE KEY-----
            """
        ),
        (
            "stranger.pem",
            """
            -----BEGIN CERTIFICATE-----
            MIIBkDCCATagAwIBAgIEYHiLFjAKBggqhkjOPQQDAjAdMRswGQYDVQQDDBJTdHJh
            bmdlciBhdXRob3JpdHkwIBcNMjYxMTIxMDQzMjQ3WhgPMjEyNjEwMjgwNDMyNDda
            MCgxFjAUBgNVBAoMDUV4YW1wbGUsIEluYy4xDjAMBgNVBAMMBWFsaWNlMFkwEwYH
            KoZIzj0CAQYIKoZIzj0DAQcDQgAElSLjP6DLT27VT1XznU9j7ADGdikAzP7UFJDF
            1TlR6JaxlSHxFc2X60mZC86V4M/O7G9O6OFCjzmT039M2nddkqNXMFUwEwYDVR0l
            BAwwCgYIKwYBBQUHAwIwHQYDVR0OBBYEFPvUYNkgNYOyB9V6iCx99GGILnyfMB8G
            A1UdIwQYMBaAFBQ0NOE44cA43Yii0KDRbIQywTZzMAoGCCqGSM49BAMCA0gAMEUC
            IQDd+TWdRyCjXmF+IP8auseL9sfhIYfjW836iCCsHD4OvwIgEmSSquEL5CaY4E4c
            nFWzNAqKyXJKP+cWlopMOomYnCQ=
            -----END CERTIFICATE-----
            """
        ),
        (
            "locked.key",
            """
            -----BEGIN ENCRYPTED PRIVATE KEY-----
            MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhzkW3lrNXrTgICCAAw
            DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEELMGBCigFTLiNKxP+88zFv8EgZA1
            tJDLTV3rcl8LOo3Whk4s5H33nP5p+3jrvO8WSBAeuWUvIeLt7GjkWGZpaCHL+bMB
            BUCl6vm3zyjHStZu+6Fj4vJlnd69Y1ZzWJvLzEx24coRl7dy91gbOzxner6Vd5oJ
            IMsRGh5ZDt63ktfx2N0Tc+LSo1L5Bkl9C/g0gkSVSXsfiZBWMy6tKxorHtYFpYs=
            -----END ENCRYPTED PRIVATE KEY-----
            """
        ),
    ]
}
