package io.tradeauth;

import io.tradeauth.testing.FakeBrokerContract;

/**
 * A broker that speaks RFC 6749 as it is written, at a server whose refresh tokens never change.
 */
class ConstantBrokerContractTest extends FakeBrokerContract {

  ConstantBrokerContractTest() {
    super(RotationProfile.NONE);
  }
}
