-- A database of schema version 1, with a delivery that waits and one that is done.
BEGIN TRANSACTION;
CREATE TABLE deliveries (
            id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
            key VARCHAR(64) NOT NULL UNIQUE,
            shipment_id INTEGER NOT NULL REFERENCES shipments (id),
            photo_id INTEGER REFERENCES photos (id),
            action TEXT NOT NULL,
            recipients JSON NOT NULL,
            state VARCHAR(10) NOT NULL,
            attempts INTEGER NOT NULL,
            due FLOAT NOT NULL,
            created FLOAT NOT NULL,
            finished FLOAT,
            receipt TEXT NOT NULL,
            last_error TEXT NOT NULL,
            progress JSON NOT NULL
        );
INSERT INTO "deliveries" VALUES(1,'582c828291ecc4f919b7d5c3767a2e20',1,NULL,'email','["waiting@example.org"]','waiting',1,1.79537887504924035067e+09,1.79537886418196082115e+09,NULL,'','127.0.0.1:1 cannot be reached: [Errno 111] Connection refused','{}');
INSERT INTO "deliveries" VALUES(2,'a253917f45c2b50e5d6828a378dca8c9',2,2,'store','["store@example.org"]','done',1,1795378875.15664,1.79537886440428423877e+09,1.79537886443401932716e+09,'/tmp/old/data/photos/9x1-r0QnkhzYX1mWvZJZ/SAM_4371.JPG','','{}');
CREATE TABLE photos (
            id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
            shipment_id INTEGER NOT NULL REFERENCES shipments (id),
            position INTEGER NOT NULL,
            name TEXT NOT NULL,
            media_type TEXT NOT NULL,
            size INTEGER NOT NULL,
            sha256 VARCHAR(64) NOT NULL,
            file VARCHAR(64) NOT NULL
        );
INSERT INTO "photos" VALUES(1,1,0,'SAM_4371.JPG','image/jpeg',8334,'685c8f60c144f1977c4194fca15cef6872ce10f5867edb1294972316b17aba76','2368cae8b197c9196de89ade0f06b920');
INSERT INTO "photos" VALUES(2,2,0,'SAM_4371.JPG','image/jpeg',8334,'685c8f60c144f1977c4194fca15cef6872ce10f5867edb1294972316b17aba76','ca9a588732c16f2e639a7596b567c457');
CREATE TABLE schema_version (
	version INTEGER NOT NULL
);
INSERT INTO "schema_version" VALUES(1);
CREATE TABLE shipments (
            id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
            received FLOAT NOT NULL,
            sender TEXT NOT NULL,
            sender_name TEXT NOT NULL,
            recipients JSON NOT NULL,
            site VARCHAR(40) NOT NULL,
            subject TEXT NOT NULL,
            text TEXT NOT NULL,
            camera TEXT NOT NULL,
            device TEXT NOT NULL,
            client TEXT NOT NULL,
            fingerprint VARCHAR(64) NOT NULL
        );
INSERT INTO "shipments" VALUES(1,1.79537886418196082115e+09,'Camera@samsungcamera.com','','["waiting@example.org"]','','[Samsung Smart Camera] sent you files.','Sent from Samsung Camera.','','123456789033','127.0.0.1','4945d200bef5129decee6adba0fcbe2db04936b787a2a832efe206080b0bd5fe');
INSERT INTO "shipments" VALUES(2,1.79537886440428423877e+09,'Camera@samsungcamera.com','','["store@example.org"]','','[Samsung Smart Camera] sent you files.','Sent from Samsung Camera.','','123456789033','127.0.0.1','0d7914523b7a74dfdbffdca17674253003f0949e516f992b558c477f54fc8e62');
CREATE INDEX shipments_by_fingerprint ON shipments (fingerprint, received);
CREATE INDEX photos_by_shipment ON photos (shipment_id, position);
CREATE INDEX deliveries_by_due ON deliveries (state, due);
CREATE INDEX deliveries_by_shipment ON deliveries (shipment_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('shipments',2);
INSERT INTO "sqlite_sequence" VALUES('photos',2);
INSERT INTO "sqlite_sequence" VALUES('deliveries',2);
COMMIT;
