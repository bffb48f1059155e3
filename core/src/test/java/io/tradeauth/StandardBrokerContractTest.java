package io.tradeauth;

import io.tradeauth.testing.FakeBrokerContract;

/** A broker that speaks RFC 6749 as it is written, at a server that rotates strictly. */
class StandardBrokerContractTest extends FakeBrokerContract {

  StandardBrokerContractTest() {
    super(RotationProfile.STRICT);
  }
}
