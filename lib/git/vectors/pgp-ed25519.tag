object 85f04dc041d84732f6a9f8ae52555f8a5b7c3898
type commit
tag v1.0.0
tagger Fixture <fixture@example.com> 1704067200 +0000

Release
-----BEGIN PGP SIGNATURE-----

iIoEABYIADIWIQQBZXqDLDUTT93UdOmphcY7EaK8kwUCawSMKRQcZml4dHVyZUBl
eGFtcGxlLmNvbQAKCRCphcY7EaK8k/3iAQD31ZYGCMUvPzGwFryOI+tqnD/HrP4T
v9f/uLTAGUvW9wEAvbl+xKNq0xzkoL4tVe9IztdhwzLvFqqBXjDcH2+kNgk=
=J483
-----END PGP SIGNATURE-----
